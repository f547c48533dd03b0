import { expect, it } from 'vitest';
import { profileText } from '../../src/profiler/index.js';
import { profileFixture } from '../report/profile-fixture.js';

it('a profile’s text is what JSON.stringify makes of it', () => {
  const profile = profileFixture();
  // Twice: frames are put into words once.
  for (let i = 0; i < 2; i++)
    expect(JSON.parse(profileText(profile))).toEqual(JSON.parse(JSON.stringify(profile)));
  const empty = { ...profile, contexts: [] };
  expect(JSON.parse(profileText(empty))).toEqual(JSON.parse(JSON.stringify(empty)));
});
