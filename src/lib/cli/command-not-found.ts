import type {Hook} from '@oclif/core';
import {ExitError} from '@oclif/core/errors';

import {nearest} from '../config/errors.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import {errorText, renderError} from './errors.ts';

/** Says of a command that isn't there what every other error says, asks nothing, and ends with 2. */
const commandNotFound: Hook.CommandNotFound = ({id, argv = [], config}) => {
  const typed = id.replaceAll(':', ' ');
  const known = config.commands.filter(({hidden}) => !hidden).map((command) => command.id.replaceAll(':', ' '));
  // `config show extra`: the longest command that the words begin with.
  const [begun] = known.filter((name) => typed.startsWith(`${name} `)).toSorted((a, b) => b.length - a.length);
  const near = nearest(typed, known);
  const rendered = renderError(
    new QuiverError({
      code: 'USAGE',
      message:
        begun === undefined
          ? `There is no command ${config.bin} ${typed}`
          : `${config.bin} ${begun} takes no argument "${typed.slice(begun.length + 1)}"`,
      fix: begun !== undefined ? `${config.bin} ${begun} --help` : `${config.bin} ${near ?? 'help'}`,
      exit: EXIT.usage,
    }),
  );
  if (argv.includes('--json')) process.stdout.write(`${toJson(rendered.report)}\n`);
  else process.stderr.write(errorText(rendered));
  throw new ExitError(EXIT.usage);
};

// oxlint-disable-next-line no-default-export -- oclif loads a hook by it
export default commandNotFound;
