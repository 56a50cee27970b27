import {badFile} from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLE = /\$(\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g;

/**
 * Replaces `${NAME}` and `${NAME:-fallback}` by what the environment holds; `$$` is a plain `$`.
 * A variable that is unset and has no fallback is an error, since an empty value would hide the mistake.
 */
export function expandVariables(text: string, environment: Environment, where: string): string {
  return text.replace(VARIABLE, (_match, form: string, name: string | undefined, fallback: string | undefined) => {
    if (form === '$' || name === undefined) return '$';
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    throw badFile(
      'CONFIG_VARIABLE',
      where,
      `the environment variable ${name} is not set`,
      `export ${name}=…   (or write \${${name}:-fallback})`,
    );
  });
}
