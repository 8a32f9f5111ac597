"""A model's C on emulated microcontrollers: the flash, memory and instructions that it needs, beside another way."""
