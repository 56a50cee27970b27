import {resolve} from 'node:path';

// Narrow imports: the index of oclif loads 50 modules more.
import {Command} from '@oclif/core/command';
import {ExitError} from '@oclif/core/errors';
import type * as Interfaces from '@oclif/core/interfaces';

import type {Config} from '../config/config.ts';
import type {Environment} from '../config/expand.ts';
import {loadConfig, type FlagValue} from '../config/load.ts';
import type {RawValue} from '../config/key.ts';
import type {Places} from '../config/places.ts';
import type {NetworkProfile} from '../config/profile.ts';
import type {ConfigKey} from '../config/schema.ts';
import {userPlaces} from '../config/user-places.ts';
import {EXIT, QuiverError, type ExitCode} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import type {Logger} from '../observability/logger.ts';
import {errorText, renderError, usageError} from './errors.ts';
import {COMMON_FLAGS, type CommonFlags, type FlagType, type KeyFlag} from './flags.ts';
import {Interrupt} from './interrupt.ts';
import {plainLines} from './output.ts';
import {atTerminal} from './prompt.ts';
import {guardStreams} from './streams.ts';

type AnyCommand = typeof Command;
type FlagsOf<T> = {[Name in keyof T]: FlagType<T[Name]>} & {json?: boolean};
export type CommandFlags<T extends AnyCommand> = FlagsOf<CommonFlags & T['flags']>;
export type CommandArgs<T extends AnyCommand> = Interfaces.InferredArgs<T['args']>;

/**
 * What every command shares: common flags, settings, safe JSON, errors with a fix, exit codes.
 * `run` returns an object, which `--json` prints, or nothing when the command prints events itself.
 */
export abstract class BaseCommand<T extends AnyCommand> extends Command {
  static override enableJsonFlag = true;
  static override baseFlags: CommonFlags = COMMON_FLAGS;

  protected flags!: CommandFlags<T>;
  protected args!: CommandArgs<T>;
  places!: Places;

  #settings: Promise<Config> | undefined;
  #interrupt: Interrupt | undefined;
  #printedEvents = false;

  abstract override run(): Promise<object | void>;

  protected override async init(): Promise<void> {
    guardStreams();
    await super.init();
    this.places = userPlaces(this.environment, this.config);
    const {args, flags} = await this.#parseCommandLine();
    this.args = args as CommandArgs<T>;
    this.flags = flags as CommandFlags<T>;
  }

  protected get environment(): Environment {
    return process.env;
  }

  /** Whether questions may be asked. */
  protected get interactive(): boolean {
    return atTerminal() && !this.#common['no-input'] && !this.jsonEnabled();
  }

  /**
   * Aborted by Ctrl-C, so that a one-shot command can cancel what it has started; it then ends with 130.
   * Not for services: their host has its own two-stage signals.
   */
  protected get abortSignal(): AbortSignal {
    if (this.#interrupt === undefined) {
      this.#interrupt = new Interrupt();
      this.#interrupt.listen();
    }
    return this.#interrupt.signal;
  }

  /** The settings of this command: flags, environment, files, network profile, defaults. */
  loadSettings(): Promise<Config> {
    this.#settings ??= loadConfig({
      places: this.places,
      cwd: this.folder,
      environment: this.environment,
      flags: this.#flagValues(),
      ...this.configFile,
    });
    return this.#settings;
  }

  /** The folder that the command was called in. */
  protected get folder(): string {
    try {
      return process.cwd();
    } catch (error) {
      const fix = 'cd ~   (or any other folder that exists)';
      throw new QuiverError({code: 'FOLDER_GONE', message: 'The current folder was removed', fix, cause: error});
    }
  }

  protected async loadProfile(): Promise<NetworkProfile> {
    return (await this.loadSettings()).profile;
  }

  /** For people on a terminal, as JSON lines elsewhere; on stderr. */
  protected async createLogger(): Promise<Logger> {
    const [{createLogger}, settings] = await Promise.all([import('../observability/logger.ts'), this.loadSettings()]);
    const format = process.stderr.isTTY && !this.jsonEnabled() ? 'text' : 'json';
    return createLogger({level: settings.get('log.level'), format});
  }

  /** What --config or QUIVER_CONFIG named, as an option for `loadConfig` and `projectFile`. */
  protected get configFile(): {file?: string} {
    const file = this.#common.config ?? this.environment['QUIVER_CONFIG'];
    return file === undefined || file === '' ? {} : {file: resolve(file)};
  }

  /** Talk, as opposed to the result: to stderr, and not at all under --json and --quiet. */
  note(text: string): void {
    if (!this.#common.quiet && !this.jsonEnabled()) process.stderr.write(`${plainLines(text)}\n`);
  }

  /** One line of JSON on stdout, for commands that report while they run. */
  event(event: object): void {
    this.#printedEvents = true;
    process.stdout.write(`${toJson(event)}\n`);
  }

  /** The exit status of a command that did its work and found something: pending changes, a failed check. */
  protected endWith(status: ExitCode): void {
    process.exitCode = status;
  }

  /** Indented for a person at a terminal, else one line, also where events went before. */
  protected override logJson(json: unknown): void {
    const indent = process.stdout.isTTY && !this.#printedEvents ? 2 : undefined;
    process.stdout.write(`${toJson(json, indent)}\n`);
  }

  protected override async catch(error: Error): Promise<never> {
    if (error instanceof ExitError) throw error;
    const rendered = renderError(this.#interrupt?.reason ?? error);
    if (rendered.exit === EXIT.done) throw new ExitError(EXIT.done);
    if (this.jsonEnabled()) this.logJson(rendered.report);
    else process.stderr.write(errorText(rendered));
    // oclif exits on it without printing: a failed command doesn't wait for what it left open.
    throw new ExitError(rendered.exit);
  }

  get #common(): FlagsOf<CommonFlags> {
    return this.flags;
  }

  async #parseCommandLine(): Promise<{args: unknown; flags: unknown}> {
    // oclif would fill a missing argument from stdin, if something arrives within 10 ms: never what anyone wants.
    const args = Object.fromEntries(
      Object.entries(this.ctor.args).map(([name, arg]) => [name, {...arg, ignoreStdin: true}]),
    );
    const {flags, baseFlags, strict, enableJsonFlag} = this.ctor;
    try {
      return await this.parse({args, flags, baseFlags: baseFlags ?? {}, strict, enableJsonFlag});
    } catch (error) {
      throw usageError(error, `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`);
    }
  }

  /** The flags that were given and stand for a configuration key. */
  #flagValues(): Map<ConfigKey, FlagValue> {
    const values = new Map<ConfigKey, FlagValue>();
    const given = new Map<string, unknown>(Object.entries(this.flags));
    for (const [name, definition] of Object.entries({...this.ctor.baseFlags, ...this.ctor.flags})) {
      const value = given.get(name);
      if (value === undefined || !isKeyFlag(definition)) continue;
      values.set(definition.configKey, {flag: `--${name}`, value: value as RawValue});
    }
    return values;
  }
}

function isKeyFlag(definition: object): definition is KeyFlag {
  return 'configKey' in definition;
}
