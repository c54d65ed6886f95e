/**
 * The wire format: pickle protocol 5, between plain JavaScript values and CPython's `pickle`.
 *
 * Workers know one format only, whoever submits. So arguments given in JavaScript are written as
 * the pickle that Python would have made of them, and results, pickles made by CPython in a
 * worker, are read back. Nothing here looks up or calls a Python object: a pickle that asks for
 * one (an instance of a class, say) is refused by name; but for shared arrays.
 *
 * | JavaScript to Python                        | Python to JavaScript                            |
 * |---------------------------------------------|-------------------------------------------------|
 * | undefined, null: None                       | None: null                                      |
 * | boolean: bool                               | bool: boolean                                   |
 * | number: int if a safe integer and not -0,   | int: number if a safe integer, else BigInt      |
 * | else float                                  | float: number                                   |
 * | BigInt: int                                 |                                                 |
 * | string: str, lone surrogates included       | str: string                                     |
 * | Uint8Array, ArrayBuffer: bytes              | bytes, bytearray: Uint8Array, a private copy    |
 * | Array: list                                 | list, tuple: Array                              |
 * | plain object, Map: dict                     | dict: plain object if all keys are str, else Map|
 * | Set: set                                    | set, frozenset: Set                             |
 * | SharedArray: penny.SharedArray              | penny.SharedArray: SharedArray, the same memory |
 *
 * What must be hashable in Python, a Map's key or a Set's element, is written in its hashable
 * form: an Array as a tuple, a Set as a frozenset. An object that occurs twice in a value is
 * written twice; reading keeps identity, cycles included.
 *
 * The format is described in CPython's `Lib/pickletools.py`.
 *
 * @module
 */

/** Opcodes of protocol 5: all that CPython's C pickler emits, and what is refused by name. */
export const Op = Object.freeze({
  // the frame around the value
  PROTO: 0x80, // uint8 version
  FRAME: 0x95, // uint64 length: a hint for reading from files
  STOP: 0x2e, // the result is on top of the stack
  // constants and numbers
  NONE: 0x4e,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a, // int32
  BININT1: 0x4b, // uint8
  BININT2: 0x4d, // uint16
  LONG1: 0x8a, // uint8 n, then n bytes in two's complement, lowest first
  LONG4: 0x8b, // int32 n, then the same
  BINFLOAT: 0x47, // float64, big-endian, alone in that
  // text (UTF-8, surrogates let through) and bytes, with a length of 1, 4 or 8 bytes
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE: 0x58,
  BINUNICODE8: 0x8d,
  SHORT_BINBYTES: 0x43,
  BINBYTES: 0x42,
  BINBYTES8: 0x8e,
  BYTEARRAY8: 0x96,
  // containers; those in the plural take everything above the last MARK
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  TUPLE: 0x74,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  APPENDS: 0x65,
  EMPTY_DICT: 0x7d,
  SETITEM: 0x73,
  SETITEMS: 0x75,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  // the memo: how one object is named twice
  MEMOIZE: 0x94, // the top of the stack gets the next number
  BINGET: 0x68, // uint8 number
  LONG_BINGET: 0x6a, // uint32 number
  POP: 0x30, // these two undo a tuple that turned out to contain itself
  POP_MARK: 0x31,
  // refused: classes and functions, by name or by number, and data that is not in the pickle
  STACK_GLOBAL: 0x93,
  GLOBAL: 0x63, // two lines of text
  EXT1: 0x82,
  EXT2: 0x83,
  EXT4: 0x84,
  BINPERSID: 0x51,
  REDUCE: 0x52, // a call; obeyed for shared arrays alone
  NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
});

export const PROTOCOL = 5;

/** Names the method that gives a shared array's handle. */
export const HANDLE = Symbol("penny.handle");

/** What makes an array of a handle, in Python: module and name. */
export const ATTACHED = ["penny.memory.array", "_attached"];

/** The bytes of a float64, by way of `setFloat64`: no allocation, whatever the machine's order. */
export const scratchBytes = new Uint8Array(8);
export const scratch = new DataView(scratchBytes.buffer);
