import { Breaker } from './hook.breaker.js';

let now = 0;
let breaker: Breaker;
beforeEach(() => {
  now = 1000;
  breaker = new Breaker(() => now);
});
const fail = (times: number) => {
  for (let i = 0; i < times; i++) breaker.failed();
};

it('lets all calls begin until five in a row have failed', () => {
  fail(4);
  breaker.answered();
  fail(4);
  expect([breaker.isOpen, breaker.admits()]).toEqual([false, true]);
  fail(1);
  expect([breaker.isOpen, breaker.admits()]).toEqual([true, false]);
});

it('lets one call try again after half a minute, and keeps the others back until it was answered', () => {
  fail(8);
  now += 29_999;
  expect(breaker.admits()).toBe(false);
  now += 1;
  expect([breaker.admits(), breaker.admits(), breaker.admits()]).toEqual([true, false, false]);
  breaker.failed();
  now += 29_999;
  expect(breaker.admits()).toBe(false);
  now += 1;
  expect(breaker.admits()).toBe(true);
  breaker.answered();
  expect([breaker.isOpen, breaker.admits(), breaker.admits()]).toEqual([false, true, true]);
});
