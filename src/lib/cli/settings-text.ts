import type {ConfigEntry, Origin} from '../config/config.ts';

/** A value as `config show` prints it. */
export function valueText(value: ConfigEntry['value']): string {
  if (value === null) return '(unset)';
  if (typeof value === 'object') return value.length === 0 ? '(none)' : value.join(', ');
  return String(value);
}

export function originText({layer, where}: Origin): string {
  return where === '' ? layer : `${layer}: ${where}`;
}
