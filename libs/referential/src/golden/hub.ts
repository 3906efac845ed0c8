/** The source under which the hub keeps what was entered or corrected in it. */
export const HUB = 'hub';
