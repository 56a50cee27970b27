export const MASK = '********';

/**
 * User and password in a URL, up to the last `@`, since passwords with `@` and `/` are in use; those without a scheme
 * before them too. Not in `file:` URLs: stack traces are full of `node_modules/@scope`.
 */
const USER_INFO = /(?<!\bfile):\/\/[^\s"'<>]{0,1000}@/g;
const BARE_USER_INFO = /(?<=^|[\s"'(=,])[^\s"'/@:(,=]+:(?!\/\/)[^\s"'@,]+@/g;
/** `?api_key=…` and the like. */
const QUERY_SECRET = /([?&][\w-]*(?:key|token|secret|password|auth)[\w-]*=)[^&\s"']+/gi;

/** Any text with the credentials in it masked that an address may carry: `http://user:password@host`, `?token=…`. */
export function maskCredentials(text: string): string {
  return text.replace(USER_INFO, `://${MASK}@`).replace(BARE_USER_INFO, `${MASK}@`).replace(QUERY_SECRET, `$1${MASK}`);
}
