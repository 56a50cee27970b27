// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ChannelSlot} from "./libraries/ChannelSlot.sol";
import {ICollectable} from "./libraries/ICollectable.sol";
import {ChannelMath} from "./libraries/ChannelMath.sol";
import {VoucherHash} from "./libraries/VoucherHash.sol";

/// @title Payment channels: a client deposits once, then pays a provider by signing ever larger sums.
/// @notice A channel is (payer, signer, provider). The signer's key is fixed at opening and always checked by
/// ecrecover: code that the payer's or signer's account gets later (EIP-7702, ERC-1271) cannot void what was signed.
/// Nothing but deposits can be paused.
/// @dev The token is fixed at deployment and has no hooks and no fee; state is written before every transfer.
contract QUIVerChannels is ICollectable, EIP712, AccessManaged, Pausable, Nonces {
    using SafeERC20 for IERC20;

    /// @notice A channel for readers; stored as a ChannelSlot, which says what the fields mean.
    struct Channel {
        uint96 deposit;
        uint96 settled;
        uint40 closableAt;
        uint24 epoch;
    }

    /// @notice How long a provider has to redeem its newest voucher after the payer began to close.
    uint256 public constant CHALLENGE_PERIOD = 24 hours;

    /// @dev A packed voucher: payer 20, nonce 3, balance 12, r 32, vs 32 (ERC-2098) bytes, then, if the topmost bit of
    /// the balance is set, the signer's 20 bytes; without it the signer is the payer.
    uint256 private constant ITEM_BYTES = 99;
    uint256 private constant SIGNER_BYTES = 20;
    uint256 private constant SIGNER_FOLLOWS = 1 << 95;

    IERC20 public immutable token;

    mapping(bytes32 id => ChannelSlot) private _channels;
    /// @notice keccak256(abi.encode(collector, agent)) that a provider lets redeem its vouchers; 0: nobody but itself.
    mapping(address provider => bytes32) public mandateOf;

    event ChannelOpened(
        bytes32 indexed id, address indexed payer, address indexed provider, address signer, uint256 amount, uint256 epoch
    );
    event ChannelToppedUp(bytes32 indexed id, uint256 deposit);
    event VoucherRedeemed(bytes32 indexed id, uint256 settled, uint256 amount);
    /// @notice A packed voucher paid nothing: too old, its channel closed or reopened, or badly signed.
    event VoucherSkipped(bytes32 indexed id);
    /// @notice A provider's vouchers were passed over: it has given caller and agent no mandate, or withdrawn it.
    event ProviderSkipped(address indexed provider);
    event CloseStarted(bytes32 indexed id, uint256 closableAt);
    event CloseCancelled(bytes32 indexed id);
    event ChannelClosed(bytes32 indexed id, uint256 settled, uint256 refund);
    event MandateSet(address indexed provider, address indexed collector, address indexed agent);

    error ZeroAddress();
    error ZeroAmount();
    error AlreadyOpen(bytes32 id);
    error NotOpen(bytes32 id);
    error NotPayer(address payer);
    error AlreadyClosing(uint256 closableAt);
    error NotClosing(bytes32 id);
    error TooEarly(uint256 closableAt);
    error BadSignature();
    error NothingToRedeem();
    error BalanceOutOfRange(uint256 settled, uint256 deposit);
    error MalformedItems();
    error Expired(uint256 deadline);

    constructor(IERC20 token_, address authority) EIP712("quiver", "1") AccessManaged(authority) {
        if (address(token_) == address(0) || authority == address(0)) revert ZeroAddress();
        token = token_;
    }

    // Paying in

    /// @notice Opens a channel from the sender to `provider` with `amount` base units in it.
    /// @param signer Whose ECDSA key signs the vouchers; zero: the sender's.
    function openChannel(address provider, address signer, uint96 amount) external returns (bytes32 id) {
        return _open(provider, signer, amount);
    }

    /// @notice As `openChannel`, with an ERC-2612 permit over `amount` instead of an allowance given before.
    /// @dev A permit that somebody else used up first has left the allowance behind, so its failure is no reason to stop.
    function openWithPermit(
        address provider,
        address signer,
        uint96 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 id) {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return _open(provider, signer, amount);
    }

    /// @notice Adds to an open channel; anyone may, but only the payer while it is closing, which cancels the closing.
    function topUp(address payer, address signer, address provider, uint96 amount) external whenNotPaused {
        if (amount == 0) revert ZeroAmount();
        bytes32 id = channelId(payer, signer, provider);
        ChannelSlot channel = _opened(id);
        if (channel.closableAt() != 0) {
            if (msg.sender != payer) revert NotPayer(payer);
            emit CloseCancelled(id);
        }
        channel = channel.toppedUp(amount);
        _channels[id] = channel;
        emit ChannelToppedUp(id, channel.deposit());
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    // Paying out

    /// @notice Pays the provider what a voucher adds to those before it. Anyone may send it.
    /// @param signer Zero: the payer. `vs` holds s and the parity of v (ERC-2098).
    /// @dev A balance above the deposit pays the deposit; the rest once the channel is topped up.
    function redeem(
        address payer,
        address signer,
        address provider,
        uint64 nonce,
        uint128 balance,
        bytes32 r,
        bytes32 vs
    ) external {
        if (signer == address(0)) signer = payer;
        bytes32 id = _channelId(payer, signer, provider);
        ChannelSlot channel = _channels[id];
        uint256 amount = ChannelMath.payable_(channel.deposit(), channel.settled(), balance);
        if (amount == 0) revert NothingToRedeem();
        if (!_isVoucher(signer, id, channel, nonce, balance, r, vs)) revert BadSignature();
        _settle(id, channel, amount);
        token.safeTransfer(provider, amount);
    }

    /// @notice Redeems packed vouchers of one provider with a single transfer. Those that pay nothing are skipped.
    function redeemBatch(address provider, bytes calldata items) external returns (uint256 amount) {
        amount = _redeemItems(provider, items);
        if (amount == 0) revert NothingToRedeem();
        token.safeTransfer(provider, amount);
    }

    /// @inheritdoc ICollectable
    function collect(address agent, address[] calldata providers, bytes[] calldata items)
        external
        returns (uint256 amount)
    {
        bytes32 mandate = keccak256(abi.encode(msg.sender, agent));
        if (providers.length != items.length) revert MalformedItems();
        for (uint256 i = 0; i < providers.length; ++i) {
            if (mandateOf[providers[i]] != mandate) {
                emit ProviderSkipped(providers[i]);
                continue;
            }
            amount += _redeemItems(providers[i], items[i]);
        }
        if (amount == 0) revert NothingToRedeem();
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Lets `collector`, when `agent` asks it to, redeem the sender's vouchers and keep the sum for it: the
    /// settlement contract and an aggregator. Replaces any mandate before; zero and zero withdraw it.
    function setMandate(address collector, address agent) external {
        _useNonce(msg.sender);
        _setMandate(msg.sender, collector, agent);
    }

    /// @notice As `setMandate`, by the provider's signature over `Mandate`, so that a provider needs no gas.
    function setMandateBySignature(
        address provider,
        address collector,
        address agent,
        uint64 deadline,
        bytes32 r,
        bytes32 vs
    ) external {
        if (block.timestamp > deadline) revert Expired(deadline);
        bytes32 digest =
            _hashTypedDataV4(VoucherHash.mandate(provider, collector, agent, _useNonce(provider), deadline));
        if (!_isSignedBy(provider, digest, r, vs)) revert BadSignature();
        _setMandate(provider, collector, agent);
    }

    // Closing

    /// @notice Begins to close a channel of the sender's; the provider has `CHALLENGE_PERIOD` to redeem.
    function startClose(address signer, address provider) external {
        bytes32 id = channelId(msg.sender, signer, provider);
        ChannelSlot channel = _opened(id);
        if (channel.closableAt() != 0) revert AlreadyClosing(channel.closableAt());
        uint256 closableAt = block.timestamp + CHALLENGE_PERIOD;
        _channels[id] = channel.closing(closableAt);
        emit CloseStarted(id, closableAt);
    }

    /// @notice Takes `startClose` back.
    function cancelClose(address signer, address provider) external {
        bytes32 id = channelId(msg.sender, signer, provider);
        ChannelSlot channel = _channels[id];
        if (channel.closableAt() == 0) revert NotClosing(id);
        _channels[id] = channel.notClosing();
        emit CloseCancelled(id);
    }

    /// @notice Ends a closing whose challenge period is over: the payer has the rest back. Anyone may call it.
    /// @dev Until this very call a newer voucher wins.
    function finalizeClose(address payer, address signer, address provider) external {
        bytes32 id = channelId(payer, signer, provider);
        ChannelSlot channel = _channels[id];
        if (channel.closableAt() == 0) revert NotClosing(id);
        if (block.timestamp < channel.closableAt()) revert TooEarly(channel.closableAt());
        _close(id, channel, payer);
    }

    /// @notice The provider redeems its last voucher and gives the rest back at once. A balance that is already
    /// settled needs no signature.
    function closeByProvider(address payer, address signer, uint64 nonce, uint128 balance, bytes32 r, bytes32 vs)
        external
    {
        if (signer == address(0)) signer = payer;
        bytes32 id = channelId(payer, signer, msg.sender);
        ChannelSlot channel = _opened(id);
        uint256 amount = ChannelMath.payable_(channel.deposit(), channel.settled(), balance);
        if (amount != 0) {
            if (!_isVoucher(signer, id, channel, nonce, balance, r, vs)) revert BadSignature();
            channel = channel.paid(amount);
            emit VoucherRedeemed(id, channel.settled(), amount);
        }
        _close(id, channel, payer);
        if (amount != 0) token.safeTransfer(msg.sender, amount);
    }

    /// @notice Closes at once at a balance that signer and provider both signed (`Close`). Anyone may send it.
    /// @param bySigner r and vs of the signer's signature.
    function closeByAgreement(
        address payer,
        address signer,
        address provider,
        uint128 balance,
        bytes32[2] calldata bySigner,
        bytes32[2] calldata byProvider
    ) external {
        if (signer == address(0)) signer = payer;
        bytes32 id = channelId(payer, signer, provider);
        ChannelSlot channel = _opened(id);
        uint256 settled = channel.settled();
        if (balance < settled || balance > channel.deposit()) revert BalanceOutOfRange(settled, channel.deposit());
        bytes32 digest = _hashTypedDataV4(VoucherHash.close(id, channel.epoch(), balance));
        if (
            !_isSignedBy(signer, digest, bySigner[0], bySigner[1])
                || !_isSignedBy(provider, digest, byProvider[0], byProvider[1])
        ) revert BadSignature();
        uint256 amount = balance - settled;
        _close(id, channel.paid(amount), payer);
        if (amount != 0) token.safeTransfer(provider, amount);
    }

    // Governing

    /// @notice Stops deposits. Redeeming and closing go on.
    function pause() external restricted {
        _pause();
    }

    function unpause() external restricted {
        _unpause();
    }

    // Reading

    /// @notice Identity of a channel; a zero signer is the payer.
    function channelId(address payer, address signer, address provider) public pure returns (bytes32) {
        return _channelId(payer, signer == address(0) ? payer : signer, provider);
    }

    function channelOf(bytes32 id) external view returns (Channel memory) {
        ChannelSlot slot = _channels[id];
        return Channel({
            deposit: uint96(slot.deposit()),
            settled: uint96(slot.settled()),
            closableAt: uint40(slot.closableAt()),
            epoch: uint24(slot.epoch())
        });
    }

    /// @notice What the signer of a channel signs, EIP-712.
    function voucherDigest(bytes32 id, uint32 epoch, uint64 nonce, uint128 balance) external view returns (bytes32) {
        return _hashTypedDataV4(VoucherHash.voucher(id, epoch, nonce, balance));
    }

    /// @notice What signer and provider sign to close at once, EIP-712.
    function closeDigest(bytes32 id, uint32 epoch, uint128 balance) external view returns (bytes32) {
        return _hashTypedDataV4(VoucherHash.close(id, epoch, balance));
    }

    /// @notice What a provider signs to give a mandate, EIP-712; `nonce` is `nonces(provider)`.
    function mandateDigest(address provider, address collector, address agent, uint64 nonce, uint64 deadline)
        external
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(VoucherHash.mandate(provider, collector, agent, nonce, deadline));
    }

    // Inside

    function _open(address provider, address signer, uint96 amount) private whenNotPaused returns (bytes32 id) {
        if (provider == address(0)) revert ZeroAddress();
        if (amount == 0) revert ZeroAmount();
        if (signer == address(0)) signer = msg.sender;
        id = channelId(msg.sender, signer, provider);
        ChannelSlot channel = _channels[id];
        if (channel.deposit() != 0) revert AlreadyOpen(id);
        channel = channel.reopened(amount);
        _channels[id] = channel;
        emit ChannelOpened(id, msg.sender, provider, signer, amount, channel.epoch());
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    function _opened(bytes32 id) private view returns (ChannelSlot channel) {
        channel = _channels[id];
        if (channel.deposit() == 0) revert NotOpen(id);
    }

    /// @dev Reads each item at fixed places: `items[start + n]` in words, checked once an item.
    function _redeemItems(address provider, bytes calldata items) private returns (uint256 total) {
        uint256 start = 0;
        while (start < items.length) {
            uint256 end = start + ITEM_BYTES;
            if (end > items.length) revert MalformedItems();
            address payer = address(uint160(_word(items, start) >> 96));
            uint256 nonceAndBalance = _word(items, start + 20) >> 136;
            uint256 balance = uint96(nonceAndBalance);
            address signer = payer;
            if (balance & SIGNER_FOLLOWS != 0) {
                balance ^= SIGNER_FOLLOWS;
                end += SIGNER_BYTES;
                if (end > items.length) revert MalformedItems();
                signer = address(uint160(_word(items, start + ITEM_BYTES) >> 96));
            }
            total += _redeemItem(
                _channelId(payer, signer, provider),
                signer,
                nonceAndBalance >> 96,
                balance,
                bytes32(_word(items, start + 35)),
                bytes32(_word(items, start + 67))
            );
            start = end;
        }
    }

    function _redeemItem(bytes32 id, address signer, uint256 nonce, uint256 balance, bytes32 r, bytes32 vs)
        private
        returns (uint256 amount)
    {
        ChannelSlot channel = _channels[id];
        amount = ChannelMath.payable_(channel.deposit(), channel.settled(), balance);
        if (amount == 0 || !_isVoucher(signer, id, channel, nonce, balance, r, vs)) {
            emit VoucherSkipped(id);
            return 0;
        }
        _settle(id, channel, amount);
    }

    function _settle(bytes32 id, ChannelSlot channel, uint256 amount) private {
        channel = channel.paid(amount);
        _channels[id] = channel;
        emit VoucherRedeemed(id, channel.settled(), amount);
    }

    /// @dev The rest goes to the payer.
    function _close(bytes32 id, ChannelSlot channel, address payer) private {
        uint256 refund = channel.deposit() - channel.settled();
        _channels[id] = channel.emptied();
        emit ChannelClosed(id, channel.settled(), refund);
        if (refund != 0) token.safeTransfer(payer, refund);
    }

    function _setMandate(address provider, address collector, address agent) private {
        bool none = collector == address(0) && agent == address(0);
        mandateOf[provider] = none ? bytes32(0) : keccak256(abi.encode(collector, agent));
        emit MandateSet(provider, collector, agent);
    }

    function _isVoucher(
        address signer,
        bytes32 id,
        ChannelSlot channel,
        uint256 nonce,
        uint256 balance,
        bytes32 r,
        bytes32 vs
    ) private view returns (bool) {
        bytes32 digest = _hashTypedDataV4(VoucherHash.voucher(id, channel.epoch(), nonce, balance));
        return _isSignedBy(signer, digest, r, vs);
    }

    /// @dev Refuses s in the upper half of the order, and never answers true for the zero address.
    function _isSignedBy(address signer, bytes32 digest, bytes32 r, bytes32 vs) private pure returns (bool) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, r, vs);
        return problem == ECDSA.RecoverError.NoError && recovered == signer;
    }

    /// @dev keccak256(abi.encode(payer, signer, provider)), leaving no memory behind.
    function _channelId(address payer, address signer, address provider) private pure returns (bytes32 id) {
        (uint256 first, uint256 second, uint256 third) = (uint160(payer), uint160(signer), uint160(provider));
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, first)
            mstore(add(free, 0x20), second)
            mstore(add(free, 0x40), third)
            id := keccak256(free, 0x60)
        }
    }

    /// @dev 32 bytes from `offset` on; beyond the end they are those of whatever follows, which no caller keeps.
    function _word(bytes calldata data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, offset))
        }
    }
}
