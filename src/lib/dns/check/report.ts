/** How a set of the zone compares with what the settings want. */
export interface RecordCheck {
  name: string;
  type: string;
  status: 'as wanted' | 'missing' | 'differs' | 'unknown';
  /** What stands there instead, or why it isn't known. */
  detail?: string;
}

/** One try to reach something. */
export interface Contact {
  /** A multiaddr or URL. */
  target: string;
  result: 'ok' | 'refused' | 'silent' | 'unnamed' | 'failed';
  latencyMs?: number;
  /** What is wrong, or worth knowing: when a certificate ends. */
  detail?: string;
}

/** A service or one of its nodes, and what answered for it. */
export interface ServiceCheck {
  label: string;
  /** `not deployed`: the host is there, and nothing of the service on it. */
  status: 'up' | 'down' | 'not deployed';
  contacts: Contact[];
  fix?: string;
}

export interface ZoneCheck {
  zone: string;
  records: RecordCheck[];
  services: ServiceCheck[];
}

/**
 * Nothing of it is there when each try was refused, or met silence where nothing is refused (UDP), or has no name yet
 * to go by; half of it is worse than nothing, since users run into it.
 */
export function statusOf(contacts: readonly Contact[]): ServiceCheck['status'] {
  if (contacts.every(({result}) => result === 'ok') && contacts.length > 0) return 'up';
  const refused = contacts.some(({result}) => result === 'refused');
  const absent = contacts.every(
    ({result}) => result === 'refused' || result === 'unnamed' || (refused && result === 'silent'),
  );
  return absent ? 'not deployed' : 'down';
}

export function hasDrift({records}: ZoneCheck): boolean {
  return records.some(({status}) => status === 'missing' || status === 'differs');
}

/** Something that users need is down, or nothing is up at all. */
export function isBroken({services, records}: ZoneCheck): boolean {
  const reached = services.some(({status}) => status === 'up');
  return services.some(({status}) => status === 'down') || records.some(({status}) => status === 'unknown') || !reached;
}
