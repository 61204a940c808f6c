/** The market's judgement of a prover. Empty until the route of the scores is there. */
export function ProverScores(_: { address: string }) {
  return null;
}
