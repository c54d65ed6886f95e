// Trusted Types: where a page's Content-Security-Policy requires them, a script's URL has to come from a named policy.

/** @type {any} */
let policy;

/**
 * The URL of a script of Penny's as the page's policy wants it.
 * @param {string} url
 * @returns {any} a TrustedScriptURL; or the URL, where there are none, or the policy `penny` is not allowed
 */
export function trustedScript(url) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return url;
  try {
    // Once in a page: most pages' policies don't allow to make the same one again.
    policy ??= types.createPolicy('penny', {createScriptURL: (/** @type {string} */ text) => text});
  } catch {
    return url; // which will do, if none is required
  }
  return policy.createScriptURL(url);
}

/** What to do about a refusal for want of trust; nothing if that is not what it was for. @param {unknown} error */
export const trustAdvice = error =>
  /trusted.?types|TrustedScriptURL/i.test(String(error))
    ? "the page's Content-Security-Policy has require-trusted-types-for 'script': it has to allow Penny's policy by trusted-types penny"
    : '';
