import {EXIT, type ExitCode} from '../core/errors.ts';

export const EXIT_MEANINGS: readonly {code: ExitCode; meaning: string}[] = [
  {code: EXIT.done, meaning: 'done; a service that a signal stopped cleanly, too'},
  {code: EXIT.failed, meaning: 'failed'},
  {code: EXIT.usage, meaning: 'wrong usage: an unknown flag, a bad value, a missing answer, a wrong configuration'},
  {code: EXIT.changesPending, meaning: 'changes are pending, or what is there has drifted from what was planned'},
  {code: EXIT.refused, meaning: 'refused by policy or authentication'},
  {code: EXIT.interrupted, meaning: 'a one-shot command was interrupted'},
];
