import type { Say, Text } from '../languages/index.ts'

const SCOPE_TEXTS: Readonly<Record<string, Text>> = {
  openid: 'scopeOpenid',
  profile: 'scopeProfile',
  email: 'scopeEmail',
  offline_access: 'scopeOffline',
}

/** What a scope allows, for people. @param permissions permission → what it allows */
export function scopeWords(say: Say, permissions: Readonly<Record<string, string>>, scope: string): string {
  const text = SCOPE_TEXTS[scope]
  return text ? say(text) : (permissions[scope] ?? scope)
}
