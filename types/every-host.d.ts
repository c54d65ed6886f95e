// What every surrounding of JavaScript has that Penny runs in: browsers' pages and workers, Node, Deno, Bun. It stands for
// TypeScript's library "DOM" where web/penny must not know what a page is (tsconfig.rooms.json).

interface Console {
  debug(...data: any[]): void;
  info(...values: unknown[]): void;
  log(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}
declare const console: Console;

interface Performance {
  readonly timeOrigin: number;
  now(): number;
}
declare const performance: Performance;

interface Timer {
  readonly timer: unique symbol;
}
declare function setTimeout(callback: (...args: any[]) => void, milliseconds?: number): Timer;
declare function clearTimeout(timer: Timer | undefined): void;
declare function setInterval(callback: () => void, milliseconds: number): Timer;
declare function clearInterval(timer: Timer | undefined): void;

interface TextDecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}
declare class TextDecoder {
  constructor(label?: string, options?: TextDecoderOptions);
  decode(bytes?: ArrayBufferView | ArrayBuffer, options?: {stream?: boolean}): string;
}
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  readonly href: string;
  readonly origin: string;
  readonly pathname: string;
  static canParse(url: string, base?: string): boolean;
}

declare class Event {
  constructor(type: string);
}
declare class CustomEvent<T = any> extends Event {
  constructor(type: string, options?: {detail?: T});
  readonly detail: T;
}
declare class EventTarget {
  addEventListener(type: string, listener: (event: Event) => void): void;
  dispatchEvent(event: Event): boolean;
}

type Transferable = ArrayBuffer | MessagePort;
declare class MessageChannel {
  readonly port1: MessagePort;
  readonly port2: MessagePort;
}
declare function queueMicrotask(callback: () => void): void;

interface MessagePort {
  onmessage: ((event: {data: any}) => void) | null;
  postMessage(message: any, transfer?: Transferable[]): void;
  close(): void;
}
declare class MessageChannel {
  readonly port1: MessagePort;
  readonly port2: MessagePort;
}

interface ReadableStream {
  pipeThrough(stream: DecompressionStream): ReadableStream;
}
declare class DecompressionStream {
  constructor(format: 'gzip');
}
declare class Request {
  readonly url: string;
}
declare class Response {
  constructor(body?: ReadableStream | Uint8Array);
  readonly headers: {get(name: string): string | null};
  readonly body: ReadableStream | null;
  json(): Promise<unknown>;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}
declare function fetch(input: string | URL | Request, init?: object): Promise<Response>;

declare namespace WebAssembly {
  interface ImportDescriptor {
    module: string;
    name: string;
    kind: string;
  }
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): ImportDescriptor[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: object);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(limits: {initial: number; maximum: number; shared: true});
    readonly buffer: ArrayBuffer;
  }
  class Table {
    constructor(limits: {element: 'anyfunc'; initial: number});
    readonly length: number;
    get(index: number): any;
    grow(by: number): number;
  }
  class Global {
    constructor(type: {value: string; mutable?: boolean}, value: any);
    value: any;
  }
  let compile: (bytes: ArrayBuffer) => Promise<Module>;
  let compileStreaming: (response: Response) => Promise<Module>;
  /** Of a module; of bytes, it gives the module, too. */
  let instantiate: (module: Module, imports?: object) => Promise<Instance>;
  let instantiateStreaming: (
    response: Response | PromiseLike<Response>,
    imports?: object,
  ) => Promise<{module: Module; instance: Instance}>;
}
