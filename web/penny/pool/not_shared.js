// Where no memory is shared, what works all the same: said once for each page and worker.

let said = false;

/** Why workers get their tasks by messages, to whoever has not asked for that. */
export function sayWhy() {
  if (said) return;
  said = true;
  console.info(
    'Penny: this page is not cross-origin isolated, so its workers share no memory and get their tasks by messages (engine ' +
      '"messages"): no shared arrays, no kernels, no stealing. It would be isolated by the headers ' +
      '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: credentialless", or by data-isolate in ' +
      'the script tag',
  );
}
