import {Flags} from '@oclif/core';

/** How `ice` commands find servers; where nothing is given, the process of this profile says. */
export const ICE_FLAGS = {
  api: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: '<URL>',
    description: 'ICE servers API to ask for STUN and TURN servers',
  }),
  'public-stun': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: '<URL>',
    description: 'Public STUN server to use beside; it will see your address',
  }),
  relay: Flags.boolean({description: 'Use TURN relays only, so that the other side does not learn your address'}),
};
