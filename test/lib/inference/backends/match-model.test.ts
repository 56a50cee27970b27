import {describe, expect, it} from 'vitest';
import {matchModel} from '../../../../src/lib/inference/backends/match-model.ts';

const models = ['llama3.2:latest', 'llama3.2:1b', 'quiver-tiny', 'phi:latest', 'phi'].map((name) => ({name}));

describe('matchModel', () => {
  it.each([
    ['llama3.2', 'llama3.2:latest'],
    ['llama3.2:1b', 'llama3.2:1b'],
    ['quiver-tiny:latest', 'quiver-tiny'],
    ['phi', 'phi'],
    ['phi:latest', 'phi:latest'],
    ['llama3.2:3b', undefined],
    ['llama', undefined],
    ['', undefined],
  ])('takes %j for %j', (name, expected) => {
    expect(matchModel(name, models)?.name).toBe(expected);
  });

  it('takes no name for the only model there is', () => {
    expect(matchModel('', models.slice(0, 1))?.name).toBe('llama3.2:latest');
  });
});
