# calls: notebook [port.name for port in Gate().ports()] == ["in", "out", "settings"]
# %%
import asyncio, dataclasses
import tinyflow_jupyter as tf

# %%
@dataclasses.dataclass
class GateSettings:
    open: bool = True

class Base(tf.Component):
    """Keeps its settings."""
    def current(self):
        return self.settings or DEFAULTS

DEFAULTS = GateSettings(open=False)

# %%
class Gate(Base):
    """Lets through while open."""
    def ports(self):
        return [tf.Port("in", "in", int), tf.Port("out", "out", int),
                tf.Port("settings", "in", GateSettings, settings=True)]

    async def handle(self, output, port, payload):
        if port == "in" and self.current().open:
            await asyncio.sleep(0)
            await output("out", payload)
