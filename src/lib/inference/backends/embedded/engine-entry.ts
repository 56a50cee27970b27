import {extname} from 'node:path';

/**
 * Where the engine process starts: `engine-process` beside this file, as TypeScript in the sources and as JavaScript in
 * a build. A bundle has to put its `engine-process.js` beside the file that holds this code.
 */
export const engineEntry = new URL(`./engine-process${extname(import.meta.url)}`, import.meta.url);
