// What the workers do, as it happens: a row of a table for each, whose numbers anybody can read, and over its second
// column a canvas with what it did and when, from the trace. Time is cut into columns that grow as it goes on.

/**
 * @typedef {import('../penny/trace/live.js').Listener} Listener
 * @typedef {import('../penny/trace/live.js').Doing} Doing
 * @typedef {import('../penny/pool/pool.js').WorkerChange} WorkerChange
 */

/** The number of the worker for coroutines. */
const ASYNC_WORKER = 64;
const COLUMNS = 512;
/** What a column stands for at first, ms. */
const FINEST = 1;
/** How often it is drawn, ms. */
const INTERVAL = 80;

const STATES = {
  none: {sign: '·', text: 'not started'},
  starting: {sign: '○', text: 'starting'},
  ready: {sign: '●', text: 'ready'},
  lost: {sign: '✕', text: 'lost'},
  stopped: {sign: '–', text: 'ended'},
};

/** @param {number} worker */
const nameOf = worker => (worker === ASYNC_WORKER ? 'coroutines' : `worker ${worker}`);

/** A worker's row. */
class Lane {
  tasks = 0;
  steals = 0;
  deaths = 0;
  busy = 0;
  /** ms in each column. */
  spent = {task: new Float64Array(COLUMNS), stolen: new Float64Array(COLUMNS), join: new Float64Array(COLUMNS)};
  /** Steals in each column, and from whom the last. */
  stole = new Uint32Array(COLUMNS);
  victims = new Uint8Array(COLUMNS);
  died = new Uint8Array(COLUMNS);
  #cells = Array.from({length: 3}, () => document.createElement('td'));
  #sign = Object.assign(document.createElement('span'), {className: 'sign'});
  #state = Object.assign(document.createElement('span'), {className: 'for-readers'});

  /** @param {number} worker */
  constructor(worker) {
    this.worker = worker;
    this.row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    const name = document.createElement('span');
    name.textContent = nameOf(worker);
    this.#sign.ariaHidden = 'true';
    head.append(this.#sign, ' ', name, this.#state);
    this.place = document.createElement('td');
    this.row.append(head, this.place, ...this.#cells);
    this.row.dataset.worker = String(worker);
    this.become('none');
  }

  /** @param {keyof typeof STATES} state */
  become(state) {
    this.row.dataset.state = state;
    this.#sign.textContent = STATES[state].sign;
    this.#state.textContent = `, ${STATES[state].text}`;
    this.row.title = `${nameOf(this.worker)}: ${STATES[state].text}`;
  }

  /** @param {number} elapsed */
  tell(elapsed) {
    const share = elapsed ? Math.min(100, Math.round((100 * this.busy) / elapsed)) : 0;
    const texts = [this.tasks.toLocaleString('en'), this.steals.toLocaleString('en'), `${share} %`];
    texts.forEach((text, i) => {
      if (this.#cells[i].textContent !== text) this.#cells[i].textContent = text;
    });
  }

  /** Two columns become one. */
  fold() {
    for (const values of [this.spent.task, this.spent.stolen, this.spent.join, this.stole, this.died])
      for (let i = 0; i < COLUMNS; i++) values[i] = i < COLUMNS / 2 ? values[2 * i] + values[2 * i + 1] : 0;
    const {victims} = this;
    for (let i = 0; i < COLUMNS / 2; i++) victims[i] = victims[2 * i + 1] || victims[2 * i];
  }
}

export class Lanes {
  /** By worker. @type {Map<number, Lane>} */
  #lanes = new Map();
  #width = FINEST;
  /** When the first task began, ms. @type {number | undefined} */
  #zero;
  /** Until when something is known, and was done, ms since then. */
  #latest = 0;
  #lastBusy = 0;
  #firstBegan = Infinity;
  #lastEnded = -Infinity;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  queued = 0;
  ended = 0;

  /**
   * @param {HTMLTableElement} table with a head
   * @param {HTMLCanvasElement} canvas
   */
  constructor(table, canvas) {
    this.body = table.tBodies[0];
    this.canvas = canvas;
    new ResizeObserver(() => requestAnimationFrame(() => this.#draw())).observe(table);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  /** Begins anew. @param {number} workers */
  begin(workers) {
    this.#lanes.clear();
    this.body.replaceChildren();
    for (let worker = 0; worker < workers; worker++) this.#lane(worker);
    this.#width = FINEST;
    this.#zero = undefined;
    this.#latest = this.#lastBusy = 0;
    this.#firstBegan = Infinity;
    this.#lastEnded = -Infinity;
    this.queued = this.ended = 0;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#draw(), INTERVAL);
    this.#draw();
  }

  end() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#draw();
  }

  /** What is shown: ms. Of what has ended not the time after the last task. */
  get #shown() {
    return this.#timer === undefined ? this.#lastBusy : this.#latest;
  }

  /** From the begin of the first task to the end of the last, ms; 0: none has ended. */
  get computed() {
    return Math.max(0, this.#lastEnded - this.#firstBegan);
  }

  get tasks() {
    return sum(this.#lanes.values(), lane => lane.tasks);
  }

  get steals() {
    return sum(this.#lanes.values(), lane => lane.steals);
  }

  /** @param {WorkerChange} change */
  worker({worker, state}) {
    this.#lane(worker).become(state);
  }

  /** @type {Listener} */
  listener = {
    spent: (worker, doing, begin, end) => {
      if (this.#zero === undefined || end <= this.#zero) return;
      const until = this.#at(end);
      if (doing === 'idle') return;
      const lane = this.#lane(worker);
      this.#lastBusy = Math.max(this.#lastBusy, until);
      if (doing !== 'join') lane.busy += end - Math.max(begin, this.#zero);
      const values = lane.spent[doing];
      for (let from = this.#at(begin); from < until; ) {
        const column = Math.floor(from / this.#width);
        const to = Math.min(until, (column + 1) * this.#width);
        values[column] += to - from;
        from = to;
      }
    },
    stole: (thief, victim, at) => {
      const lane = this.#lane(thief);
      const column = this.#column(at);
      lane.steals++;
      lane.stole[column]++;
      lane.victims[column] = victim;
    },
    queued: () => {
      this.queued++;
    },
    began: (worker, at) => {
      this.#zero ??= at;
      this.#lane(worker).tasks++;
      this.#firstBegan = Math.min(this.#firstBegan, at);
    },
    ended: (_, at) => {
      this.ended++;
      this.#lastEnded = Math.max(this.#lastEnded, at);
    },
    died: (worker, at) => {
      const column = this.#column(at);
      this.#lane(worker).died[column] = 1;
    },
  };

  /** @param {number} worker */
  #lane(worker) {
    let lane = this.#lanes.get(worker);
    if (!lane) {
      lane = new Lane(worker);
      this.#lanes.set(worker, lane);
      this.body.append(lane.row);
    }
    return lane;
  }

  /** ms since zero, for which there is a column. @param {number} time */
  #at(time) {
    const at = Math.max(0, time - (this.#zero ?? time));
    this.#latest = Math.max(this.#latest, at);
    while (at >= this.#width * COLUMNS) {
      this.#width *= 2;
      for (const lane of this.#lanes.values()) lane.fold();
    }
    return at;
  }

  /** @param {number} time */
  #column(time) {
    const at = this.#at(time);
    return Math.floor(at / this.#width);
  }

  #draw() {
    const lanes = [...this.#lanes.values()];
    for (const lane of lanes) lane.tell(this.#shown);
    const {canvas} = this;
    const first = lanes[0]?.place;
    const box = canvas.parentElement?.getBoundingClientRect();
    if (!first || !box) return;
    const {left, width, top} = first.getBoundingClientRect();
    const height = this.body.getBoundingClientRect().height;
    const {scrollLeft, scrollTop, clientLeft, clientTop} = /** @type {HTMLElement} */ (canvas.parentElement);
    canvas.style.left = `${left - box.left - clientLeft + scrollLeft}px`;
    canvas.style.top = `${top - box.top - clientTop + scrollTop}px`;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const scale = devicePixelRatio;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
    const context = canvas.getContext('2d');
    if (!context) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`);
    const colours = {task: colour('lane-task'), join: colour('lane-join'), stolen: hatched(context, colour('lane-stolen'), scale)};
    /** @type {Map<number, {middle: number, height: number}>} */
    const places = new Map();
    for (const lane of lanes) {
      const bounds = lane.place.getBoundingClientRect();
      places.set(lane.worker, {middle: bounds.top - top + bounds.height / 2, height: bounds.height - 6});
    }
    const shown = this.#shown;
    const all = Math.max(shown, FINEST * 50);
    const step = (this.#width / all) * width;
    // Neighbours meet at whole pixels, else their seam shows.
    const edge = (/** @type {number} */ column) => Math.min(width, Math.round(column * step * scale) / scale);
    const columns = Math.min(COLUMNS, Math.ceil(shown / this.#width));
    for (const lane of lanes) {
      const {middle, height: full} = /** @type {{middle: number, height: number}} */ (places.get(lane.worker));
      const floor = middle + full / 2;
      context.fillStyle = colours.join;
      context.fillRect(0, floor, width, 1);
      for (let i = 0; i < columns; i++) {
        // The last one may not be over.
        const whole = Math.min(this.#width, shown - i * this.#width);
        let y = floor;
        for (const doing of /** @type {const} */ (['task', 'stolen', 'join'])) {
          const part = Math.min(1, lane.spent[doing][i] / whole) * full * (doing === 'join' ? 0.3 : 1);
          if (!part) continue;
          context.fillStyle = colours[doing];
          const ceiling = Math.max(middle - full / 2, y - part);
          context.fillRect(edge(i), ceiling, Math.max(edge(i + 1) - edge(i), 1 / scale), y - ceiling);
          y -= part;
        }
      }
    }
    context.strokeStyle = context.fillStyle = colour('lane-steal');
    context.lineWidth = 1;
    for (const lane of lanes) {
      const to = /** @type {{middle: number, height: number}} */ (places.get(lane.worker));
      for (let i = 0; i < columns; i++) {
        const x = (i + 0.5) * step;
        const from = lane.stole[i] ? places.get(lane.victims[i]) : undefined;
        if (from) {
          const [begin, end] = from.middle < to.middle ? [from.middle, to.middle - to.height / 2] : [from.middle, to.middle + to.height / 2];
          context.beginPath();
          context.moveTo(x, begin);
          context.lineTo(x, end);
          context.stroke();
          const back = begin < end ? -5 : 5;
          context.beginPath();
          context.moveTo(x, end);
          context.lineTo(x - 3, end + back);
          context.lineTo(x + 3, end + back);
          context.fill();
        }
      }
    }
    context.font = 'bold 16px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = colour('failed');
    for (const lane of lanes)
      for (let i = 0; i < columns; i++)
        if (lane.died[i]) context.fillText('✕', Math.min(width - 8, Math.max(8, (i + 0.5) * step)), places.get(lane.worker)?.middle ?? 0);
  }
}

/**
 * Stripes, so that it is told from the other by more than its colour.
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} scale
 */
function hatched(context, colour, scale) {
  const tile = document.createElement('canvas');
  const size = Math.round(6 * scale);
  tile.width = tile.height = size;
  const paint = /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d'));
  paint.globalAlpha = 0.45;
  paint.fillStyle = colour;
  paint.fillRect(0, 0, size, size);
  paint.globalAlpha = 1;
  paint.strokeStyle = colour;
  paint.lineWidth = 2 * scale;
  for (const shift of [-size, 0, size]) {
    paint.beginPath();
    paint.moveTo(shift - 1, size + 1);
    paint.lineTo(shift + size + 1, -1);
    paint.stroke();
  }
  const pattern = context.createPattern(tile, 'repeat');
  pattern?.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern ?? colour;
}

/** @template T @param {Iterable<T>} items @param {(item: T) => number} value */
function sum(items, value) {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
