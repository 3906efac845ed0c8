import { Traffic } from './lanes.js';

let now = 0;
let traffic: Traffic;
/** Batches of live changes at these milliseconds. */
const pass = (...times: number[]) => {
  for (const time of times) {
    now = time;
    traffic.passes();
  }
};
const isLiveAt = (time: number) => {
  now = time;
  return traffic.isLive;
};

beforeEach(() => {
  traffic = new Traffic(() => now);
});

it('keeps bulk work aside for a moment after one change, and for longer the more came', () => {
  expect(isLiveAt(0)).toBe(false);
  pass(0);
  expect([isLiveAt(150), isLiveAt(250)]).toEqual([true, false]);
  pass(1000, 1010, 1020, 1030, 1040);
  // The one at 0 was shortly before.
  expect([isLiveAt(2200), isLiveAt(2250)]).toEqual([true, false]);
});

it('sees through the gaps of a stream that comes in bursts, and no longer than two seconds behind its end', () => {
  pass(...Array.from({ length: 50 }, (_, index) => index * 20));
  expect([isLiveAt(2900), isLiveAt(3000)]).toEqual([true, false]);
});

it('forgets what came long before', () => {
  pass(...Array.from({ length: 50 }, (_, index) => index * 20), 5000);
  expect([isLiveAt(5150), isLiveAt(5250)]).toEqual([true, false]);
});
