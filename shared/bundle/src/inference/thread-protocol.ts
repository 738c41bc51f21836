/** Instead of a request: end once the running stage has finished. */
export const endMessage = 'end';

/** What a thread says: that it takes requests, a reply to the oldest request, or why that failed. */
export type ThreadReply<Reply extends object> = 'ready' | Reply | { error: string };
