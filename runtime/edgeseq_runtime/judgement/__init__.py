"""What stands around the network, one sample of many streams or many of one: the questions, the answers, the count."""
