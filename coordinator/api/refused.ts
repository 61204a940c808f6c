import type { Rejection, RejectionCode } from '#protocol/rejections.js';

/** A handler's expected no: returned, never thrown. `pointer` names the field of the body that a badRequest is about. */
export class Refused {
  constructor(
    readonly rejection: Rejection,
    readonly pointer?: string,
  ) {}
}

/** Says no with a code of the table; the detail holds the figures of this case. */
export function refuse(code: RejectionCode, detail = ''): Refused {
  return new Refused({ code, detail });
}

/** Says that a field does not go together with another. @param pointer - RFC 6901, within the body */
export function refuseField(pointer: string, detail: string): Refused {
  return new Refused({ code: 'badRequest', detail: `${pointer}: ${detail}` }, pointer);
}
