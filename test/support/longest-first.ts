import {BaseSequencer, type TestSpecification} from 'vitest/node';

/** What takes longest, longest first; all else is ordered by what it took last, or in a fresh checkout by its size. */
const LONGEST = [
  'contracts/solidity',
  'e2e/help-examples',
  'e2e/install',
  'models/model',
  'e2e/secrets',
  'commands/wallet/wallet',
  'contracts/artifacts',
  'e2e/staker',
  'e2e/up',
  'e2e/pack',
  'connection/nat',
  'connection/chromium',
];

/** Starts long files early, so that none of them runs on alone when everything else is done. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({moduleId}: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
