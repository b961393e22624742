/* Live cells: Python in the page, at a click.

window.nnlitLive, for every script of the page that comes after this one (both with `defer`, in this order):

  why                      "" where Python can run; else a sentence for the reader: why not here, and how to get it
  start(onProgress?)       Promise<void>: loads Python, NumPy and nnlit, once. onProgress(words) as it goes. Rejects with an Error
                           whose message is a sentence for the reader (opened as a file; no network at the first click).
  run(source, options?)    Promise<{text, html, error, outputs}>: starts if need be, and runs Python as Jupyter runs a cell.
                             options.onText(words): what is printed, as it comes
                             options.onProgress(words): as of start
                             options.session: a name; runs of one session share their names ("page" is that of the page's cells)
                             options.name: how tracebacks call the source ("<cell>")
                           text: all that was printed, and the last expression as text. html: the rich outputs, cleaned, or "".
                           outputs: [{kind: "stdout" | "stderr" | "text" | "html", text}], in order.
                           error: null or {message: "ValueError: ...", line: of the source, from 1, or null, trace: the whole text}.
                           It never rejects for what the code does; after stop() the error's message says that it was stopped.
  show(element, result)    Fills an element with the outputs and the error of a result, as under a cell.
  edit(element, options)   Promise<editor>: an editor with Python's colours in place of the element's children.
                             options: {label, text, onChange(text), onRun() at Shift-Enter}
                           editor: value (get, set), focus(), mark(line or null), remove(). Escape leaves it, Tab is not caught.
  stop()                   Ends Python at once, and every session with it; the next run begins anew.
  reset(session = "page")  Promise<void>: forgets the names of a session.

Events on document: "nnlit-live" with detail {state: "off" | "loading" | "ready" | "running"}. */
