import "@a2ui/lit/ui";
import { Context, type Surface } from "@a2ui/lit/ui";
import { Data, type Types } from "@a2ui/lit/v0_8";
import { renderMarkdown } from "@a2ui/markdown-it";
import { ContextProvider } from "@lit/context";
import { serve } from "./frame";
import { theme } from "./theme-v0_8";

type Processor = ReturnType<typeof Data.createSignalA2uiMessageProcessor>;

serve((onAction) => {
  new ContextProvider(document.body, { context: Context.theme, initialValue: theme }).hostConnected();
  new ContextProvider(document.body, {
    context: Context.markdown,
    initialValue: renderMarkdown,
  }).hostConnected();
  const processor = Data.createSignalA2uiMessageProcessor();
  const shown = new Map<string, { section: HTMLElement; surface: Surface }>();

  function draw(): void {
    const surfaces = processor.getSurfaces();
    for (const [id, { section }] of shown) {
      if (!surfaces.has(id)) {
        section.remove();
        shown.delete(id);
      }
    }
    for (const [id, model] of surfaces) {
      const { surface } = shown.get(id) ?? open(id);
      // A new object, so that the element looks at it again.
      surface.surface = { ...model };
    }
  }

  function open(id: string) {
    const section = document.createElement("section");
    const surface = document.createElement("a2ui-surface") as Surface;
    surface.surfaceId = id;
    surface.processor = processor;
    surface.addEventListener("a2uiaction", (event) => {
      const { action, sourceComponentId, sourceComponent } = event.detail;
      onAction({
        name: action.name,
        surfaceId: id,
        sourceComponentId,
        timestamp: new Date().toISOString(),
        context: contextOf(processor, action, sourceComponent, id),
      });
    });
    section.append(surface);
    document.body.append(section);
    shown.set(id, { section, surface });
    return { section, surface };
  }

  return {
    apply(message) {
      processor.processMessages([message as Types.ServerToClientMessage]);
      draw();
    },
    reset() {
      processor.clearSurfaces();
      draw();
    },
    drawn: () => Promise.all([...shown.values()].map(({ surface }) => surface.updateComplete)),
  };
});

/** The values an action carries, with its paths looked up. */
function contextOf(
  processor: Processor,
  action: Types.Action,
  component: Types.AnyComponentNode | null,
  surfaceId: string,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { key, value } of action.context ?? []) {
    if (value.path !== undefined && component !== null) {
      found[key] = processor.getData(component, value.path, surfaceId);
    } else {
      found[key] = value.literalString ?? value.literalNumber ?? value.literalBoolean ?? null;
    }
  }
  return found;
}
