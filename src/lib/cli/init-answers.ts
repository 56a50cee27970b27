import type {RawValue} from '../config/key.ts';
import type {Places} from '../config/places.ts';
import {listProfiles, loadProfile} from '../config/profile-store.ts';
import {DEFAULT_PROFILE} from '../config/profile.ts';
import {keySpec, type ConfigKey} from '../config/schema.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {keyQuestions, profileQuestion, ROLE_QUESTION, type Role} from './init-questions.ts';
import {ask, missingFlags, type Question} from './prompt.ts';

interface InitOptions {
  /** Flags by name; those that were not given are undefined. */
  given: ReadonlyMap<string, unknown>;
  places: Places;
  /** Whether a flag that was not given may be asked for. */
  interactive: boolean;
}

/** The answers as settings: from flags first, then from the terminal if there is one, else the defaults. */
export async function askInitAnswers(options: InitOptions): Promise<{role: Role; values: Map<ConfigKey, RawValue>}> {
  const {places, interactive} = options;
  const given = <Value extends string>({flag}: Question<Value>): Value | undefined =>
    options.given.get(flag) as Value | undefined;

  const role = given(ROLE_QUESTION) ?? (interactive ? await ask(ROLE_QUESTION) : undefined);
  if (role === undefined) throw missingFlags([ROLE_QUESTION]);

  const networks = profileQuestion(await listProfiles(places), DEFAULT_PROFILE);
  const name = given(networks) ?? (interactive ? await ask(networks) : DEFAULT_PROFILE);
  const profile = await loadProfile(places, name);
  const values = new Map<ConfigKey, RawValue>([['profile', profile.name]]);

  const joinsAlone = profile.loopbackOnly || profile.bootstrapNodes.length > 0;
  const questions = keyQuestions(role, joinsAlone);
  refuseUnasked(options.given, role, new Set(questions.map(({question}) => question.flag)));
  for (const {key, question} of questions) {
    const check = checker(key);
    const answer = given(question) ?? (interactive ? await ask({...question, check}) : '');
    if (answer !== '') values.set(key, answer);
  }
  return {role, values};
}

/** An answer may be empty: then the key keeps its default. */
function checker(key: ConfigKey): (answer: string) => true | string {
  const spec = keySpec(key);
  return (answer) => answer === '' || spec.parse(answer) !== undefined || `Expected ${spec.expects}`;
}

/** A flag that has no meaning for the role would be dropped in silence otherwise. */
function refuseUnasked(given: ReadonlyMap<string, unknown>, role: Role, asked: ReadonlySet<string>): void {
  const unasked = ['name', 'port', 'region'].find((flag) => given.get(flag) !== undefined && !asked.has(flag));
  if (unasked === undefined) return;
  throw new QuiverError({
    code: 'USAGE',
    message: `--${unasked} means nothing for the role ${role}`,
    fix: `Leave --${unasked} out.`,
    exit: EXIT.usage,
  });
}
