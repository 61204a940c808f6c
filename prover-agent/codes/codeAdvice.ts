/** What a code means, and what to do about it. */
export type CodeAdvice = readonly [means: string, toDo: string];
