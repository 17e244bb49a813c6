import { DatabaseError } from './db-errors.ts'

/** The SQLSTATE (PostgreSQL manual, appendix A) of a database error or of what caused it; null when there is none. */
export function sqlState(thrown: unknown): string | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof DatabaseError) return error.sqlState
  }
  return null
}
