/** Where addresses are. */
export interface Geo {
  /**
   * The country of an address by ISO 3166-1, two capital letters; null when it is not known. Asked on the way of a
   * redirect, so it answers from memory.
   */
  countryOf(address: string): string | null
}

/** Knows no place: until there is data. */
export const unknownPlaces: Geo = Object.freeze({ countryOf: () => null })
