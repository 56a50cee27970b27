import {open} from 'node:fs/promises';

import * as Flags from '@oclif/core/flags';
import type {OptionFlag} from '@oclif/core/interfaces';

import {EXIT, QuiverError} from '../core/errors.ts';
import {interruptedError} from './errors.ts';

export const PASSWORD_VARIABLE = 'QUIVER_WALLET_PASSWORD';
/** A password is a line; a larger file is another file. */
const MAX_PASSWORD_BYTES = 1_024;

export const PASSWORD_FLAG: OptionFlag<string | undefined> = Flags.string({
  helpValue: '<file>',
  description: `Read the wallet's password from this file; without it: ${PASSWORD_VARIABLE}, or a question`,
});

export interface PasswordOptions {
  /** What --password-file named. */
  file: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  /** Whether somebody is there to ask. */
  interactive: boolean;
  /** Ask twice: a new password that was mistyped would lock its owner out. */
  isNew: boolean;
  question: string;
}

/** The password of a wallet: from a file, the environment, or the terminal without showing it. */
export async function readPassword({
  file,
  environment,
  interactive,
  isNew,
  question,
}: PasswordOptions): Promise<string> {
  if (file !== undefined) return readPasswordFile(file);
  const fromEnvironment = environment[PASSWORD_VARIABLE];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  if (!interactive) throw noPassword();
  const password = await askSecret(question);
  if (isNew && (await askSecret('Again')) !== password) throw differentPasswords();
  return password;
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(MAX_PASSWORD_BYTES + 1);
    const {bytesRead} = await file.read(buffer, 0, buffer.length);
    if (bytesRead > MAX_PASSWORD_BYTES) throw new RangeError(`it has more than ${MAX_PASSWORD_BYTES} bytes`);
    // Editors and `echo` end a file with a line break that is no part of the password.
    return buffer.toString('utf8', 0, bytesRead).replace(/\r?\n$/, '');
  } catch (error) {
    throw new QuiverError({
      code: 'PASSWORD_FILE',
      message: `The password file ${path} cannot be read: ${error instanceof Error ? error.message : 'unknown reason'}`,
      fix: 'Put the password on one line into a file that you can read, and name it with --password-file.',
      exit: EXIT.usage,
      cause: error,
    });
  }
}

/** Asks for a text on stderr and shows an asterisk for each of its characters. */
export async function askSecret(message: string): Promise<string> {
  const {default: inquirer} = await import('inquirer');
  const prompt = inquirer.createPromptModule({output: process.stderr});
  try {
    return (await prompt<{answer: string}>([{type: 'password', name: 'answer', message, mask: '*'}])).answer;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') throw interruptedError();
    throw error;
  }
}

function noPassword(): QuiverError {
  return new QuiverError({
    code: 'PASSWORD_NEEDED',
    message: `Without a terminal the wallet's password is needed from --password-file or ${PASSWORD_VARIABLE}`,
    fix: 'Add --password-file FILE',
    exit: EXIT.usage,
  });
}

function differentPasswords(): QuiverError {
  return new QuiverError({
    code: 'PASSWORDS_DIFFER',
    message: 'The two passwords differ; nothing was written',
    fix: 'Run it again.',
    exit: EXIT.usage,
  });
}
