"""The whole bank: python -m _bank, in nbs/; a number says how often each mistake is drawn (100)."""

import sys

from . import MISTAKES, PLANTED, RIGHT, census, false_alarms, summary, table

seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
counts = census(range(seeds))
for due, title, right, tried, others in table(counts):
    print(f"{due:36} {title:46} {right:4}/{tried} {others}")
alarms = false_alarms(range(200))
for name, seed, report in alarms[:20]:
    print(name, seed, report, sep="\n")
print(f"{len(PLANTED)} planted mistakes, {seeds} draws of each, {len({p.due for p in PLANTED})} of {len(MISTAKES)} names")
for what, share in summary(counts).items():
    print(f"{share:8.2%}  {what}")
print(f"{len(RIGHT)} right layers, 200 draws of each")
print(f"{len(alarms):8}  false alarms")
