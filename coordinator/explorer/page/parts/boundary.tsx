import { Component, type ComponentChildren } from 'preact';

/** Shows what went wrong in place of a view that cannot be drawn, so that the rest of the page goes on. */
export class Boundary extends Component<{ children: ComponentChildren }, { fault: string | null }> {
  override state = { fault: null };

  static override getDerivedStateFromError(error: unknown) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { fault } = this.state;
    if (fault === null) return this.props.children;
    return (
      <p role="alert" class="bad">
        This view could not be drawn: {fault}. What the coordinator answered is not as this page knows it; reload the
        page.
      </p>
    );
  }
}
