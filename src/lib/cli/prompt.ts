import {isatty} from 'node:tty';

import {EXIT, QuiverError} from '../core/errors.ts';
import {interruptedError} from './errors.ts';

const STDIN = 0;
const STDERR = 2;

/** A question that is also a flag, so that it can be answered without a terminal. */
export interface Question<Value extends string = string> {
  /** Name of the flag without dashes. */
  flag: string;
  message: string;
  default?: Value;
  choices?: readonly {value: Value; name: string}[];
  /** True, or what is wrong with the answer. */
  check?: (answer: string) => true | string;
}

/** Whether somebody is there to answer: both ends of the conversation are a terminal. */
export function atTerminal(): boolean {
  return isatty(STDIN) && isatty(STDERR);
}

/** Asks on stderr, since stdout is the result. */
export async function ask<Value extends string>(question: Question<Value>): Promise<Value> {
  const {default: inquirer} = await import('inquirer');
  const prompt = inquirer.createPromptModule({output: process.stderr});
  const {message, choices, check} = question;
  const fallback = question.default === undefined ? {} : {default: question.default};
  const asked =
    choices === undefined
      ? {
          type: 'input' as const,
          name: 'answer',
          message,
          ...fallback,
          ...(check === undefined ? {} : {validate: check}),
        }
      : {type: 'select' as const, name: 'answer', message, choices, ...fallback};
  try {
    return (await prompt<{answer: Value}>([asked])).answer;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') throw interruptedError();
    throw error;
  }
}

/** Off a terminal nothing is asked and nothing assumed: the flags that would have answered are named. */
export function missingFlags(questions: readonly Question[]): QuiverError {
  const names = questions.map(({flag}) => `--${flag}`);
  const values = questions.map(({choices}) => choices?.map(({value}) => value).join('|') ?? 'VALUE');
  return new QuiverError({
    code: 'MISSING_FLAGS',
    message: `Without a terminal ${names.length === 1 ? 'this flag is' : 'these flags are'} needed: ${names.join(', ')}`,
    fix: `Add ${names.map((name, index) => `${name} ${values[index]}`).join(' ')}`,
    exit: EXIT.usage,
  });
}
