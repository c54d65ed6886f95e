// The editor: CodeMirror for Python. The site has it in one file with all that it imports (scripts/bundle.mjs).
import {closeBrackets, closeBracketsKeymap} from '@codemirror/autocomplete';
import {defaultKeymap, history, historyKeymap, indentWithTab} from '@codemirror/commands';
import {python} from '@codemirror/lang-python';
import {HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting} from '@codemirror/language';
import {EditorState} from '@codemirror/state';
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import {tags} from '@lezer/highlight';

// Its colours are the page's custom properties, which follow the colour scheme.
const colours = HighlightStyle.define([
  {tag: [tags.keyword, tags.self, tags.operatorKeyword], color: 'var(--keyword)'},
  {tag: [tags.string, tags.special(tags.string)], color: 'var(--string)'},
  {tag: [tags.number, tags.bool, tags.null], color: 'var(--number)'},
  {tag: tags.comment, color: 'var(--comment)', fontStyle: 'italic'},
  {tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], color: 'var(--defined)'},
  {tag: tags.meta, color: 'var(--number)'},
  {tag: tags.invalid, textDecoration: 'underline wavy'},
]);

const theme = EditorView.theme({
  '&': {height: '100%', color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: 'var(--code-size)'},
  '.cm-scroller': {fontFamily: 'var(--mono)', lineHeight: '1.5'},
  '.cm-content': {caretColor: 'var(--text)', padding: '.6rem 0'},
  '.cm-cursor, .cm-dropCursor': {borderLeftColor: 'var(--text)'},
  '&.cm-focused': {outline: '2px solid var(--accent)', outlineOffset: '-2px'},
  '.cm-gutters': {backgroundColor: 'var(--surface)', color: 'var(--comment)', border: 'none'},
  '.cm-activeLine, .cm-activeLineGutter': {backgroundColor: 'var(--line-here)'},
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '&.cm-focused .cm-matchingBracket': {backgroundColor: 'var(--selection)', outline: '1px solid var(--comment)'},
  '&.cm-focused .cm-nonmatchingBracket': {backgroundColor: 'transparent', outline: '1px solid var(--failed)'},
});

/**
 * Puts an editor into an element. In a shadow root, where its styles are style sheets that no Content-Security-Policy
 * takes for inline ones.
 * @param {HTMLElement} place
 * @param {{label: string, run: () => void, changed: () => void, released: () => void}} options label: its accessible
 *     name; run: Ctrl+Enter; changed: the text; released: Tab leaves it now, since Escape was pressed
 */
export function makeEditor(place, {label, run, changed, released}) {
  const root = place.attachShadow({mode: 'open'});
  const extensions = [
    lineNumbers(),
    history(),
    drawSelection(),
    indentOnInput(),
    indentUnit.of('    '),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    python(),
    syntaxHighlighting(colours),
    theme,
    EditorState.tabSize.of(4),
    EditorView.contentAttributes.of({'aria-label': label, tabindex: '0', autocapitalize: 'off', autocorrect: 'off'}),
    EditorView.updateListener.of(({docChanged}) => docChanged && changed()),
    EditorView.domEventHandlers({
      blur: (_, view) => view.setTabFocusMode(false),
    }),
    keymap.of([
      {key: 'Mod-Enter', run: () => (run(), true)},
      // Else nobody with a keyboard alone would get out: Tab indents.
      {key: 'Escape', run: view => (view.setTabFocusMode(true), released(), true)},
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...historyKeymap,
      indentWithTab,
    ]),
  ];
  const view = new EditorView({state: EditorState.create({extensions}), parent: root, root});
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(insert) {
      view.dispatch({changes: {from: 0, to: view.state.doc.length, insert}, selection: {anchor: 0}});
    },
    focus: () => view.focus(),
  };
}
