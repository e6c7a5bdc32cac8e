import { type A2uiSurface, basicCatalog, Context } from "@a2ui/lit/v0_9";
import { renderMarkdown } from "@a2ui/markdown-it";
import { type A2uiMessage, MessageProcessor } from "@a2ui/web_core/v0_9";
import { ContextProvider } from "@lit/context";
import { serve } from "./frame";

serve((onAction) => {
  new ContextProvider(document.body, {
    context: Context.markdown,
    initialValue: renderMarkdown,
  }).hostConnected();
  const shown = new Map<string, { section: HTMLElement; surface: A2uiSurface }>();
  const processor = new MessageProcessor([basicCatalog], (action) => {
    const { name, surfaceId, sourceComponentId, timestamp, context } = action;
    onAction({ name, surfaceId, sourceComponentId, timestamp, context });
  });
  processor.onSurfaceCreated((model) => {
    const section = document.createElement("section");
    const surface = document.createElement("a2ui-surface") as unknown as A2uiSurface;
    surface.surface = model;
    section.append(surface);
    document.body.append(section);
    shown.set(model.id, { section, surface });
  });
  processor.onSurfaceDeleted((id) => {
    shown.get(id)?.section.remove();
    shown.delete(id);
  });
  const remove = (surfaceId: string) =>
    processor.processMessages([{ version: "v0.9", deleteSurface: { surfaceId } }]);
  return {
    apply(message) {
      const created = (message.createSurface as { surfaceId: string } | undefined)?.surfaceId;
      // The surface is drawn anew; without this the renderer refuses the second one.
      if (created !== undefined && shown.has(created)) {
        remove(created);
      }
      processor.processMessages([message as unknown as A2uiMessage]);
    },
    reset() {
      for (const id of [...shown.keys()]) {
        remove(id);
      }
    },
    drawn: () => Promise.all([...shown.values()].map(({ surface }) => surface.updateComplete)),
  };
});
