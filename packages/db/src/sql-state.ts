/** The SQLSTATE (PostgreSQL manual, appendix A) of a database error or of what caused it; null when there is none. */
export function sqlState(thrown: unknown): string | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const state: unknown = Reflect.get(error, 'sqlState') ?? Reflect.get(error, 'code')
    if (typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state)) return state
  }
  return null
}
