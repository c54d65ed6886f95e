// Places in the file system, where there is one: URLs for Penny, paths for Pyodide.

/** @param {string} url */
export const isFile = url => url.startsWith('file:');

/** @param {string} url of a file @returns {string} its path */
export function pathOf(url) {
  const path = decodeURIComponent(new URL(url).pathname);
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path; // a drive of Windows
}

/** @param {string} place a URL, or an absolute path @returns {string} a URL */
export function urlOf(place) {
  if (/^[a-z][a-z+.-]+:/i.test(place)) return place; // a drive has one letter
  const path = place.replaceAll('\\', '/').replace(/[%?#\s]/g, encodeURIComponent);
  return `file://${path.startsWith('/') ? '' : '/'}${path}`;
}
