// Names that no test has, so that a pattern for names picks none of these by accident.

/** The suite that is a file. */
export const FILE = '·'

/** The test after it. With a pattern that fits nothing in a file, no other word comes of it. */
export const END = '·end·'
