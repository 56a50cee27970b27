// Preloaded with --import: appends the URL of every module that the process loads to the file $LIST_MODULES.
import {appendFileSync} from 'node:fs';
import {registerHooks} from 'node:module';

const file = process.env.LIST_MODULES;

registerHooks({
  load(url, context, nextLoad) {
    if (file && !url.startsWith('node:')) appendFileSync(file, `${url}\n`);
    return nextLoad(url, context);
  },
});
