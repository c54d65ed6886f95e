// What engines differ in when they speak of an error.

/**
 * An error in words: what it says, and where. V8's stacks begin with the former, others' have only the latter.
 * @param {unknown} reason
 */
export function inWords(reason) {
  if (!(reason instanceof Error)) return String(reason);
  const said = String(reason);
  const {stack} = reason;
  if (!stack) return said;
  return stack.includes(reason.message) ? stack : `${said}\n${stack}`;
}
