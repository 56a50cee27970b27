import type {StoredProfile} from '../config/profile-store.ts';
import type {ConfigKey} from '../config/schema.ts';
import type {Question} from './prompt.ts';

export const ROLES = ['provider', 'client', 'relay', 'bootstrap'] as const;
export type Role = (typeof ROLES)[number];

const ROLE_MEANINGS = {
  provider: 'provider: answer questions with the models of this machine',
  client: 'client: ask questions',
  relay: 'relay: make nodes behind NAT reachable',
  bootstrap: 'bootstrap: be the address that others join through',
} as const satisfies Record<Role, string>;

/** How to go on after `init`, by role. */
export const NEXT_COMMANDS = {
  provider: 'quiver provider start',
  client: 'quiver infer "What is a relay node?"',
  relay: 'quiver relay start',
  bootstrap: 'quiver bootstrap start',
} as const satisfies Record<Role, string>;

export const ROLE_QUESTION: Question<Role> = {
  flag: 'role',
  message: 'What should this machine do?',
  choices: ROLES.map((value) => ({value, name: ROLE_MEANINGS[value]})),
};

export function profileQuestion(profiles: readonly StoredProfile[], current: string): Question {
  return {
    flag: 'profile',
    message: 'On which network?',
    default: current,
    choices: profiles.map(({profile}) => ({value: profile.name, name: `${profile.name} (${profile.chain.name})`})),
  };
}

/** A question whose answer goes into the file as one key. */
export interface KeyQuestion {
  key: ConfigKey;
  question: Question;
}

/** What is asked of a role beside the network; every default is the schema's, so an empty answer leaves the key out. */
export function keyQuestions(role: Role, joinsAlone: boolean): KeyQuestion[] {
  const questions: KeyQuestion[] = [];
  if (role === 'provider') {
    questions.push({
      key: 'provider.name',
      question: {flag: 'name', message: 'Name of the provider in status, logs and metrics (may stay empty)'},
    });
  }
  if (role !== 'client') {
    const question = {flag: 'port', message: 'TCP and QUIC port (0: any free one)', default: '4001'};
    questions.push({key: `${role}.port`, question});
  }
  if (role === 'provider' || role === 'relay') {
    const message = 'Region, e.g. eu-west (may stay empty)';
    questions.push({key: `${role}.region`, question: {flag: 'region', message}});
  }
  if (!joinsAlone) {
    const message = 'Bootstrap nodes to join through, separated by commas (may stay empty)';
    questions.push({key: 'network.bootstrap_nodes', question: {flag: 'bootstrap', message}});
  }
  return questions;
}
