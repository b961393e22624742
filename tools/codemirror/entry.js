// An editor for a few lines of Python. tools/codemirror/README.md says how this becomes codemirror.js.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { pythonLanguage } from "@codemirror/lang-python";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightSpecialChars, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

const wrong = StateEffect.define(); // the number of the line that an error is in, or null
const marked = StateField.define({
  create: () => Decoration.none,
  update(lines, change) {
    lines = lines.map(change.changes);
    for (const effect of change.effects) {
      if (!effect.is(wrong)) continue;
      const { doc } = change.state, there = effect.value >= 1 && effect.value <= doc.lines;
      lines = there ? Decoration.set(Decoration.line({ class: "live-wrong" }).range(doc.line(effect.value).from)) : Decoration.none;
    }
    return lines;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** An editor in `parent`: what is typed goes to `onChange`; `onRun` at Shift-Enter, `onLeave` at Escape. Tab goes on, as everywhere. */
export function create(parent, { text, label, onChange, onRun, onLeave }) {
  const act = (what) => () => {
    what();
    return true;
  };
  const keys = [
    { key: "Shift-Enter", run: act(onRun) },
    { key: "Mod-Enter", run: act(onRun) },
    { key: "Escape", run: act(onLeave) },
  ];
  const extensions = [
    Prec.highest(keymap.of(keys)), history(), drawSelection(), highlightSpecialChars(), indentOnInput(), bracketMatching(), marked,
    pythonLanguage, indentUnit.of("    "), syntaxHighlighting(classHighlighter), EditorState.tabSize.of(4),
    keymap.of([...defaultKeymap, ...historyKeymap]),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", autocapitalize: "off", autocorrect: "off", spellcheck: "false" }),
    EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: text, extensions }) });
  return {
    get value() { return view.state.doc.toString(); },
    set value(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    focus: () => view.focus(),
    mark: (line) => view.dispatch({ effects: wrong.of(line) }),
    remove: () => view.destroy(),
  };
}
