/** The coordinator has not got an artifact, or serves other bytes than those that were registered: may pass later. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
}
