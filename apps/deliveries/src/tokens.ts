/** Injection token of the number of days for which changes and deliveries are kept. */
export const DAYS = Symbol('days');
