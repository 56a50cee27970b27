import {BaseSequencer, type TestSpecification} from 'vitest/node';

/** Small files that take 10 to 100 s on two free cores, longest first. */
const LONGEST = [
  'contracts/solidity',
  'e2e/help-examples',
  'e2e/install',
  'models/model',
  'contracts/artifacts',
  'connection/chromium',
];

/**
 * Starts these early, so that none of them runs on alone when everything else is done. The rest is ordered by what it
 * took last, or in a fresh checkout, where that is not known, by its size.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({moduleId}: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
