// What a program prints: text of any length, pictures, lines that "\r" rewrites. Pieces are put together and shown once
// a frame, in chunks that the browser lays out only where they are seen, so that a hundred thousand lines are no burden.

/** The number of the worker for coroutines. */
const ASYNC_WORKER = 64;
/** Lines that stay, at least; of more the oldest go. */
const KEPT = 100_000;
/** Lines of a chunk. */
const CHUNK = 500;
/** Characters of a line; what is more is left out. */
const LINE = 100_000;
/** How long a frame may add what was printed, ms. */
const BUDGET = 20;
/** Frames come to pages that are seen only. */
const HIDDEN = 250;

/** A picture: "inline images protocol". */
const PICTURE = /^\x1b\]1337;File=[^:\x07]*:([A-Za-z0-9+/=]*)\x07/;
/** The escape sequences of terminals, but for pictures, to be left out. */
const ESCAPE = /^\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])/;
/** Characters that an escape sequence may have; a picture more. */
const ESCAPE_LENGTH = 100;

/**
 * Kind: stdout, stderr, of the program; stdin, what was typed; note, of the page's own.
 * @typedef {'stdout' | 'stderr' | 'stdin' | 'note'} Kind
 * @typedef {{kind: Kind, text: string, worker: number | null}} Piece
 */

/** Whoever prints: the script, or a worker. */
class Source {
  /** Its line that has no end yet. @type {HTMLElement | null} */
  line = null;
  length = 0;
  /** Whether its next text replaces that line. */
  rewrites = false;
  /** The begin of an escape sequence. */
  rest = '';
  /** Whether it has just printed a picture, whose line is over. */
  drew = false;

  /** @param {number | null} worker */
  constructor(worker) {
    this.prefix = worker === null ? '' : `[${worker === ASYNC_WORKER ? 'coroutines' : worker}] `;
  }
}

export class Transcript {
  /** @type {Piece[]} */
  #waiting = [];
  /** @type {Map<number | null, Source>} */
  #sources = new Map();
  /** Lines of each chunk, the oldest first. @type {{element: HTMLElement, lines: number}[]} */
  #chunks = [];
  #dropped = 0;
  /** Shown at the top, if something is not. */
  #note = Object.assign(document.createElement('div'), {className: 'note'});
  /** Whole lines of one kind, on their way. @type {{kind: Kind, lines: string[]} | null} */
  #run = null;
  #scheduled = false;
  /** Pictures on their way. */
  #drawing = 0;
  /** @type {(() => void)[]} */
  #onShown = [];
  lines = 0;

  /**
   * @param {HTMLElement} element
   * @param {() => void} grown told after each change
   */
  constructor(element, grown) {
    this.element = element;
    this.grown = grown;
  }

  /**
   * @param {Kind} kind
   * @param {string} text
   * @param {number | null} [worker]
   */
  add(kind, text, worker = null) {
    if (!text) return;
    this.#waiting.push({kind, text, worker});
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.#flush(), HIDDEN);
    else requestAnimationFrame(() => this.#flush());
  }

  clear() {
    this.#waiting = [];
    this.#sources.clear();
    this.#chunks = [];
    this.#dropped = 0;
    this.#run = null;
    this.lines = 0;
    this.element.replaceChildren();
    this.grown();
    this.#tellShown();
  }

  /** Resolves when all that was added is shown. */
  shown() {
    return new Promise(resolve => {
      this.#onShown.push(() => resolve(undefined));
      this.#tellShown();
    });
  }

  #tellShown() {
    if (this.#waiting.length || this.#drawing) return;
    for (const resolve of this.#onShown.splice(0)) resolve();
  }

  #flush() {
    this.#scheduled = false;
    const {element} = this;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 8;
    const until = performance.now() + BUDGET;
    let taken = 0;
    while (taken < this.#waiting.length && (taken % 64 || performance.now() < until)) this.#take(this.#waiting[taken++]);
    this.#endRun();
    const rest = this.#waiting.slice(taken);
    this.#waiting = [];
    for (const piece of rest) this.#waiting.push(piece);
    if (rest.length) {
      this.#scheduled = true;
      setTimeout(() => requestAnimationFrame(() => this.#flush()));
    }
    this.#drop();
    if (atEnd) element.scrollTop = element.scrollHeight;
    this.grown();
    this.#tellShown();
  }

  /** @param {Piece} piece */
  #take({kind, text, worker}) {
    let source = this.#sources.get(worker);
    if (!source) this.#sources.set(worker, (source = new Source(worker)));
    text = source.rest + text;
    source.rest = '';
    for (let at = 0; at < text.length; ) {
      const drew = source.drew;
      source.drew = false;
      if (drew && text[at] === '\n') {
        at++;
        continue;
      }
      const end = text.indexOf('\n', at);
      const special = nextSpecial(text, at, end < 0 ? text.length : end);
      if (special < 0) {
        if (end < 0) this.#part(source, kind, text.slice(at));
        else this.#line(source, kind, text.slice(at, end));
        at = end < 0 ? text.length : end + 1;
        continue;
      }
      if (special > at) this.#part(source, kind, text.slice(at, special));
      at = special;
      if (text[at] === '\r') {
        if (at + 1 === text.length) {
          source.rewrites = true; // or it is the end of a line, which the next piece tells
          break;
        }
        if (text[at + 1] !== '\n') source.rewrites = true;
        at++;
        continue;
      }
      const sequence = text.slice(at);
      const picture = PICTURE.exec(sequence);
      if (picture) {
        this.#picture(source, picture[1]);
        at += picture[0].length;
        source.drew = true;
        continue;
      }
      const escape = ESCAPE.exec(sequence);
      if (!escape && (sequence.startsWith('\x1b]1337;') || sequence.length < ESCAPE_LENGTH)) {
        source.rest = sequence; // there is more to come
        break;
      }
      at += escape ? escape[0].length : 1;
    }
  }

  /** A whole line, or the end of one. @param {Source} source @param {Kind} kind @param {string} text */
  #line(source, kind, text) {
    if (source.line) {
      if (text) this.#part(source, kind, text);
      source.line.append('\n');
      source.line = null;
      source.rewrites = false;
      this.#count(1);
      return;
    }
    source.rewrites = false;
    if (this.#run?.kind !== kind) {
      this.#endRun();
      this.#run = {kind, lines: []};
    }
    this.#run?.lines.push(source.prefix + shortened(text));
    if (this.#run && this.#run.lines.length >= CHUNK) this.#endRun();
  }

  /** Text of a line that goes on. @param {Source} source @param {Kind} kind @param {string} text */
  #part(source, kind, text) {
    this.#endRun();
    if (!source.line) {
      source.line = document.createElement('span');
      source.line.append(source.prefix);
      source.length = 0;
      this.#chunk().append(source.line);
    } else if (source.rewrites) {
      source.line.replaceChildren(source.prefix);
      source.length = 0;
    }
    source.rewrites = false;
    if (source.length > LINE) return;
    source.length += text.length;
    const span = source.line.lastElementChild;
    if (span?.className === kind && span === source.line.lastChild) span.append(shortened(text));
    else source.line.append(spanOf(kind, shortened(text)));
  }

  #endRun() {
    if (!this.#run) return;
    const {kind, lines} = this.#run;
    this.#run = null;
    this.#chunk().append(spanOf(kind, `${lines.join('\n')}\n`));
    this.#count(lines.length);
  }

  /** @param {Source} source @param {string} base64 */
  #picture(source, base64) {
    this.#endRun();
    source.line = null;
    const figure = document.createElement('figure');
    this.#chunk().append(figure);
    this.#count(1);
    const {element} = this;
    const atEnd = () => element.scrollTop + element.clientHeight >= element.scrollHeight - 8;
    this.#drawing++;
    draw(figure, Uint8Array.from(atob(base64), c => c.charCodeAt(0)))
      .then(
        shown => {
          const follow = atEnd();
          figure.append(shown);
          if (follow) element.scrollTop = element.scrollHeight;
        },
        error => figure.append(spanOf('stderr', `a picture that this browser can't show: ${error.message ?? error}`)),
      )
      .finally(() => {
        this.#drawing--;
        this.#tellShown();
      });
  }

  /** The one to which is added. */
  #chunk() {
    let last = this.#chunks.at(-1);
    if (!last || last.lines >= CHUNK) {
      last = {element: Object.assign(document.createElement('div'), {className: 'chunk'}), lines: 0};
      this.#chunks.push(last);
      this.element.append(last.element);
    }
    return last.element;
  }

  /** @param {number} lines */
  #count(lines) {
    this.lines += lines;
    const last = this.#chunks.at(-1);
    if (last) last.lines += lines;
  }

  /** Lets the oldest go. */
  #drop() {
    let dropped = 0;
    while (this.#chunks.length && this.lines - this.#dropped - this.#chunks[0].lines >= KEPT) {
      const [{element, lines}] = this.#chunks.splice(0, 1);
      element.remove();
      this.#dropped += lines;
      dropped += lines;
    }
    if (!dropped) return;
    this.#note.textContent = `… ${this.#dropped.toLocaleString('en')} lines before these are no longer shown\n`;
    if (!this.#note.isConnected) this.element.prepend(this.#note);
  }
}

/** Where a carriage return or an escape sequence is. @param {string} text @param {number} from @param {number} to */
function nextSpecial(text, from, to) {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 13 || code === 27) return at;
  }
  return -1;
}

/** @param {string} text */
const shortened = text =>
  text.length > LINE ? `${text.slice(0, LINE)} … ${(text.length - LINE).toLocaleString('en')} characters more` : text;

/** @param {Kind} kind @param {string} text */
function spanOf(kind, text) {
  const span = document.createElement('span');
  span.className = kind;
  span.textContent = text;
  return span;
}

/**
 * What shows a picture. Pixels go to a canvas, for which no Content-Security-Policy has to allow a URL.
 * @param {HTMLElement} figure
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<HTMLElement>}
 */
async function draw(figure, bytes) {
  figure.dataset.size = String(bytes.length);
  const text = new TextDecoder().decode(bytes.subarray(0, 200)).trimStart();
  if (text.startsWith('<')) {
    const image = new Image();
    image.alt = 'picture, drawn by the program';
    image.src = URL.createObjectURL(new Blob([bytes], {type: 'image/svg+xml'}));
    await image.decode();
    URL.revokeObjectURL(image.src);
    return image;
  }
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `picture of ${bitmap.width} by ${bitmap.height} pixels, drawn by the program`);
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}
