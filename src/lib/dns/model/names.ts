import {EXIT, QuiverError} from '../../core/errors.ts';

/** Limits of RFC 1035 section 2.3.4. */
const MAX_LABEL_LENGTH = 63;
/** In text, with room for the longest name that quiver puts below a zone. */
const MAX_NAME_LENGTH = 253;
const MAX_ZONE_LENGTH = 190;

const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** A name of hosts, e.g. of a zone: lower case, without the final dot. Throws the usage error BAD_NAME. */
export function readHostName(text: string, field: string): string {
  const name = text.trim().toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  const long = labels.find((label) => label.length > MAX_LABEL_LENGTH);
  if (long !== undefined) {
    throw badName(field, text, `its label "${long}" has ${long.length} characters`, 'Use labels of up to 63.');
  }
  if (name.length > MAX_NAME_LENGTH) throw badName(field, text, 'it is too long', 'Names have up to 253 characters.');
  const wrong = labels.find((label) => !HOST_LABEL.test(label));
  if (wrong !== undefined) {
    throw badName(
      field,
      text,
      wrong === '' ? 'it has an empty label' : `"${wrong}" is not a label`,
      'Write letters, digits and hyphens between dots, e.g. quiver.example. Other alphabets go in as xn--…',
    );
  }
  return name;
}

/** A zone of one's own: a host name with at least two labels. Throws the usage error BAD_NAME. */
export function readZone(text: string, field: string): string {
  const zone = readHostName(text, field);
  if (!zone.includes('.')) throw badName(field, text, 'it has no dot', 'Write the whole domain, e.g. quiver.example.');
  if (zone.length > MAX_ZONE_LENGTH)
    throw badName(field, text, 'it leaves no room for names below it', 'Use a zone of up to 190 characters.');
  return zone;
}

/** A single label, e.g. a region. Throws the usage error BAD_NAME. */
export function readLabel(text: string, field: string): string {
  const label = readHostName(text, field);
  if (label.includes('.')) throw badName(field, text, 'it has a dot', 'Write a single label, e.g. eu-west.');
  return label;
}

function badName(field: string, text: string, why: string, fix: string): QuiverError {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return new QuiverError({
    code: 'BAD_NAME',
    message: `${field}: "${shown}" can't be used, ${why}`,
    fix,
    exit: EXIT.usage,
  });
}
